from statemachine import new_session, reduce

reduce(new_session(at=0), "end")  # wrong: an event is a value, not a name
