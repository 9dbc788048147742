"""HTTP as data, without I/O, for programs that bring their own HTTP library.

    request = to_http(command, endpoint, nonce=secrets.token_hex(8))
    answer = library.request(request.method, request.url, headers=dict(request.headers), content=request.body)
    reply = read_reply(command, answer.status_code, answer.headers, answer.content, redirected=False)

`statemachine/DRIVER.md` has the rules for a program that does this.
"""

from .adapters.cookies import Cookies
from .codec.http import Endpoint, HttpRequest, read_reply, to_http, upload_body

__all__ = ["Cookies", "Endpoint", "HttpRequest", "read_reply", "to_http", "upload_body"]
