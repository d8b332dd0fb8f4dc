"""Recordings of real and simulated neurons in the schema that networks share."""
