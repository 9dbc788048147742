from statemachine import RequestChat

RequestChat(at=1, origin="o", parameters=["name"])  # wrong: a mapping from names to values
