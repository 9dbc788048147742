from statemachine import ChatClient

ChatClient("http://127.0.0.1:1", app_id="a").session()  # wrong: who is the customer?
