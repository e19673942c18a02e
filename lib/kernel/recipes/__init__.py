"""The table says what each recipe is.

Each family of recipes has a folder for its networks and steps.
"""
