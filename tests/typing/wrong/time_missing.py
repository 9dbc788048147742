from statemachine import Say

Say(text="hi")  # wrong: every event carries its time
