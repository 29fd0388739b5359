"""`muvr up --oidc-...`: people of an organisation sign in on the page with its OpenID Connect provider."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from domain.errors import ConfigurationError
from gateway.api.oidc import OidcSettings, is_safe_address
from gateway.api.oidc_provider import client_secret

_NEEDED = ("client_id", "secret_file", "page", "operators")


def add_oidc_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "signing in with an organisation's provider", "OpenID Connect, beside tokens and codes"
    )
    group.add_argument("--oidc-issuer", metavar="URL", help="the provider, exactly as it calls itself")
    group.add_argument("--oidc-client-id", metavar="ID", help="muvr's name there")
    group.add_argument("--oidc-secret-file", type=Path, metavar="FILE", help="holds the client's secret")
    group.add_argument(
        "--oidc-page", metavar="URL", help="the page as browsers reach it; the redirect URI to register there"
    )
    group.add_argument(
        "--oidc-claim",
        default=OidcSettings.claim,
        metavar="NAME",
        help="of the ID token, a text or a list of them (default: %(default)s)",
    )
    group.add_argument("--oidc-operators", metavar="VALUE", help="who has it in the claim is an operator")
    group.add_argument("--oidc-coaches", metavar="VALUE", help="who has it in the claim is a coach")
    group.add_argument(
        "--oidc-name", metavar="TEXT", help="on the page's button (default: the issuer's host)"
    )


def oidc_settings(options: argparse.Namespace) -> OidcSettings | None:
    """None without `--oidc-issuer`; raises ConfigurationError for what is missing, or no safe address."""
    if options.oidc_issuer is None:
        return None
    missing = [name for name in _NEEDED if getattr(options, f"oidc_{name}") is None]
    if missing:
        flags = ", ".join(f"--oidc-{name.replace('_', '-')}" for name in missing)
        raise ConfigurationError("--oidc-issuer alone", expected=flags, remedy="give them, too")
    for url in (options.oidc_issuer, options.oidc_page):
        if not is_safe_address(url) or urlsplit(url).query:
            raise ConfigurationError(
                f"{url!r} is no address to sign in with",
                expected="https://HOST, or http:// on this machine, without a query",
                remedy="correct --oidc-issuer or --oidc-page",
            )
    settings = OidcSettings(
        issuer=options.oidc_issuer,
        client_id=options.oidc_client_id,
        secret_file=options.oidc_secret_file.absolute(),
        page=options.oidc_page.rstrip("/") + "/",
        operators=options.oidc_operators,
        name=options.oidc_name or str(urlsplit(options.oidc_issuer).hostname),
        coaches=options.oidc_coaches,
        claim=options.oidc_claim,
    )
    client_secret(settings)
    return settings
