from statemachine import new_session, next_deadline

print(next_deadline(new_session(at=0)) + 1)  # wrong: nothing may be due
