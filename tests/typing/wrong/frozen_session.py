from statemachine import new_session

new_session(at=0).now = 1  # wrong: a session is never changed
