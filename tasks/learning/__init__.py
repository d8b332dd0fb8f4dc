"""Tasks in which the inputs follow from the actions: reward to be found by trial and error."""
