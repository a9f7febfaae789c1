"""Changing the settings of agents: by the character, and never so that one is lost."""
