"""`ChatClient` as a service: an HTTP API for programs in any language. Needs the extra `gateway`.

`openapi.json` is the API; README.md in this folder is the guide.
"""

from ..extras import needed_by

with needed_by("the gateway", "gateway"):
    from .server import Gateway
    from .settings import GatewaySettings, TokenSetting, WebhookSetting

__all__ = ["Gateway", "GatewaySettings", "TokenSetting", "WebhookSetting"]
