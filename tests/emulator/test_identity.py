"""Tenant, authorization and cookie: protocol.md 1.1 and codes 1000-3000 of section 7."""

from __future__ import annotations

import pytest

from tests.emulator.driver import Driver, authorization

SCHEME = "MOBILE-API-140-327-PLAIN"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "2000"),
        (f"{SCHEME} appId", "2001"),
        (f'{SCHEME} appId="a" clientId="b"', "2001"),
        ('Basic appId="a", clientId="b"', "2002"),
        (f'{SCHEME} clientId="b"', "2003"),
        (f'{SCHEME} appId="a"', "2004"),
        (f'{SCHEME} appId="a", clientId=""', "2004"),
    ],
)
def test_a_bad_authorization_is_refused_with_its_code(header: str, code: str) -> None:
    driver = Driver()
    assert driver.error("GET", "availability", headers={"Authorization": header}) == (403, code)


def test_the_status_of_a_refusal_is_a_knob() -> None:
    driver = Driver(auth_status=401, error_code_type="number")
    assert driver.error("GET", "availability", headers={"Authorization": ""}) == (401, 2000)


@pytest.mark.parametrize("form", ['appId="app", clientId="me"', "appId=app, clientId=me", "clientId=me,appId=app"])
def test_quoted_and_unquoted_values_name_the_same_client(form: str) -> None:
    driver = Driver()
    driver.client_id = "me"
    chat = driver.post("chats", {})["chat_id"]
    again = driver.post("chats", {}, headers={"Authorization": f"{SCHEME} {form}"})
    assert again["chat_id"] == chat


@pytest.mark.parametrize("tenant", ["tenant.example", "https://tenant.example/", "HTTP://Tenant.Example"])
def test_the_tenant_may_be_a_domain_or_a_url(tenant: str) -> None:
    driver = Driver(tenants=("tenant.example",))
    assert driver.get("availability", query=(("tenantUrl", tenant),))["chat"] == "available"


def test_a_missing_or_unknown_tenant_is_refused() -> None:
    driver = Driver(tenants=("other.example",), tenant_status=403)
    assert driver.error("GET", "availability", query=()) == (403, "1000")
    assert driver.error("GET", "availability") == (403, "1000")


def test_the_tenant_may_be_left_out_where_the_host_names_it() -> None:
    assert Driver(tenant_required=False).get("availability", query=())["chat"] == "available"


def test_an_unknown_app_is_refused() -> None:
    assert Driver(app_ids=("other",)).error("GET", "availability") == (403, "3000")


def test_an_empty_client_id_is_a_violation() -> None:
    driver = Driver()
    driver.error("POST", "chats", {}, headers={"Authorization": authorization("")})
    assert driver.rules == ["F29"]


def test_webchat_is_identified_by_its_cookie() -> None:
    driver = Driver()
    driver.client_id = "WebChat"
    first = driver.call("POST", "chats", {})
    cookie = first.header("Set-Cookie")
    assert cookie is not None
    kept = cookie.partition(";")[0]
    second = driver.call("POST", "chats", {}, headers={"Cookie": f"other=1; {kept}"})
    stranger = driver.call("POST", "chats", {})
    assert b'"is_new_chat": false' in second.body
    assert second.header("Set-Cookie") is None
    assert b'"is_new_chat": true' in stranger.body


def test_webchat_is_one_client_when_cookies_are_off() -> None:
    driver = Driver(cookie_identity=False)
    driver.client_id = "WebChat"
    driver.post("chats", {})
    assert driver.post("chats", {})["is_new_chat"] is False


def test_sessions_of_clients_apps_and_tenants_are_apart() -> None:
    driver = Driver()
    ids = {
        driver.post("chats", {})["chat_id"],
        driver.post("chats", {}, headers={"Authorization": authorization("client-2")})["chat_id"],
        driver.post("chats", {}, headers={"Authorization": authorization(app_id="app-2")})["chat_id"],
        driver.post("chats", {}, query=(("tenantUrl", "b.example"),))["chat_id"],
    }
    assert len(ids) == 4
