"""`ChatClient` as a service: an HTTP API for programs in any language. Needs the extra `gateway`.

`openapi.json` is the API; README.md in this folder is the guide.
"""

from .server import Gateway
from .settings import GatewaySettings, TokenSetting, WebhookSetting

__all__ = ["Gateway", "GatewaySettings", "TokenSetting", "WebhookSetting"]
