"""How similar two populations are: measures, each with what it does not see."""
