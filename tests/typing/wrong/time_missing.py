from statemachine import SendText

SendText(text="hi")  # wrong: every event carries its time
