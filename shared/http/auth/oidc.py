"""Who pushed: verification of the OIDC token Pub/Sub and Eventarc send with each request.

Claims: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions.
"""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import VideoMomentsError
from shared.http.auth.signing_keys import SigningKeys

ISSUERS = ("accounts.google.com", "https://accounts.google.com")
MAX_LIFETIME_SECONDS = 24 * 3600
_MAX_TOKEN_CHARACTERS = 8192
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_STRIPPED = "SIGNATURE_REMOVED_BY_GOOGLE"


class Unauthenticated(VideoMomentsError):
    """No token, or one that proves nothing: 401."""


class Forbidden(VideoMomentsError):
    """A genuine token of somebody who may not push here: 403."""


@dataclass(frozen=True)
class PushVerifier:
    """Lets in only tokens that Google signed for `audience` and one of `emails`."""

    audience: str
    emails: frozenset[str]
    keys: SigningKeys
    leeway_seconds: int = 30

    def verify(self, authorization: str | None) -> str:
        """The caller's e-mail. Raises `Unauthenticated`, `Forbidden` or `KeysUnavailable`."""
        token = _token(authorization)
        key_id = _key_id(token)
        key = self.keys.find(key_id)
        if key is None:
            raise Unauthenticated("The token is signed by a key nobody knows.")
        claims = self._claims(token, key_id, key)
        self._check_issue(claims)
        return self._identity(claims)

    def _claims(self, token: str, key_id: str, key: str) -> Mapping[str, Any]:
        from google.auth import exceptions, jwt

        try:
            claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
                token,
                certs={key_id: key},
                audience=self.audience,
                clock_skew_in_seconds=self.leeway_seconds,
            )
        except (exceptions.GoogleAuthError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated(_reason(error)) from None
        return claims

    def _check_issue(self, claims: Mapping[str, Any]) -> None:
        """What google-auth leaves unchecked: the issuer, `nbf`, and the claims' types."""
        if claims.get("iss") not in ISSUERS or not isinstance(claims.get("iss"), str):
            raise Unauthenticated("The token's issuer is not Google.")
        now = time.time()
        times = [claims.get(name) for name in ("iat", "exp", "nbf") if name in claims]
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in times):
            raise Unauthenticated("The token's times are no numbers.")
        if not claims["iat"] < claims["exp"] <= claims["iat"] + MAX_LIFETIME_SECONDS:
            raise Unauthenticated("The token's lifetime is not that of a push token.")
        if claims.get("nbf", 0) > now + self.leeway_seconds:
            raise Unauthenticated("The token is not valid yet.")

    def _identity(self, claims: Mapping[str, Any]) -> str:
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Forbidden("The token names no verified e-mail.")
        if email not in self.emails:
            raise Forbidden("The token's account may not push here.")
        return email


def _token(authorization: str | None) -> str:
    if not authorization:
        raise Unauthenticated("There is no token: the Authorization header is missing.")
    if authorization.rstrip().endswith(_STRIPPED):
        raise Unauthenticated(
            "Cloud Run has checked this token and removed its signature. Let Cloud Run alone check"
            " it (unset OIDC_AUDIENCE), or allow unauthenticated calls and let the function."
        )
    match = _BEARER.fullmatch(authorization.strip())
    if match is None or len(authorization) > _MAX_TOKEN_CHARACTERS:
        raise Unauthenticated("The Authorization header holds no bearer token.")
    return match[1]


def _key_id(token: str) -> str:
    """The header's key id; RS256 only, so that no token chooses how it is verified."""
    encoded = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        raise Unauthenticated("The token's header cannot be read.") from None
    if not isinstance(header, dict) or header.get("alg") != "RS256" or "crit" in header:
        raise Unauthenticated("The token is not signed with RS256.")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise Unauthenticated("The token does not name its key.")
    return key_id


def _reason(error: Exception) -> str:
    """google-auth quotes the token in some of its messages; never pass those on."""
    text = str(error)
    known = {
        "expired": "The token has expired.",
        "too early": "The token is not valid yet.",
        "audience": "The token was made for another audience.",
        "signature": "The token's signature is wrong.",
        "required claim": "The token lacks a required claim.",
    }
    return next((said for word, said in known.items() if word in text), "The token is no token.")
