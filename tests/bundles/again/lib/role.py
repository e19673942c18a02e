def describe(role):
    return f"I am the {role}"
