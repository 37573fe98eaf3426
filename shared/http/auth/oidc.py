"""Verifies the OIDC token that Pub/Sub and Eventarc send with each request.

Claims: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.http.auth.errors import Forbidden, Unauthenticated
from shared.http.auth.signing_keys import ALGORITHM, SigningKeys

ISSUERS = ("accounts.google.com", "https://accounts.google.com")
MAX_LIFETIME_SECONDS = 24 * 3600
_MAX_TOKEN_CHARACTERS = 8192
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_STRIPPED = "SIGNATURE_REMOVED_BY_GOOGLE"
_ANOTHER_AUDIENCE = "The token was made for another audience."
_ANOTHER_ISSUER = "The token's issuer is not Google."
# PyJWT quotes the token in some of its messages, so we pass none of them on.
_REASONS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: _ANOTHER_AUDIENCE,
    jwt.InvalidIssuerError: _ANOTHER_ISSUER,
    jwt.InvalidSignatureError: "The token's signature is wrong.",
    jwt.MissingRequiredClaimError: "The token lacks a required claim.",
}
_REASONS_BY_MISSING_CLAIM = {"aud": _ANOTHER_AUDIENCE, "iss": _ANOTHER_ISSUER}


@dataclass(frozen=True)
class PushVerifier:
    """Accepts only tokens that Google signed for `audience` and one of `emails`."""

    audience: str
    emails: frozenset[str]
    keys: SigningKeys
    leeway_seconds: int = 30

    def verify(self, authorization: str | None) -> str:
        """The caller's e-mail. Raises `Unauthenticated`, `Forbidden` or `KeysUnavailable`."""
        token = _token(authorization)
        key = self.keys.find(_key_id(token))
        if key is None:
            raise Unauthenticated("The key that signed the token is unknown.")
        claims = self._claims(token, key)
        _check_lifetime(claims)
        return self._identity(claims)

    def _claims(self, token: str, key: RSAPublicKey) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=ISSUERS,
                leeway=self.leeway_seconds,
                options={"require": ["iat", "exp"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(_reason(error)) from None

    def _identity(self, claims: Mapping[str, Any]) -> str:
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Forbidden("The token does not name a verified e-mail address.")
        if email not in self.emails:
            raise Forbidden("The token's account may not push here.")
        return email


def _token(authorization: str | None) -> str:
    if not authorization:
        raise Unauthenticated("The request has no token: the Authorization header is missing.")
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
    """The header's key id. A header that cannot be verified must not cause a fetch of keys."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise Unauthenticated("The token's header cannot be read.") from None
    if header.get("alg") != ALGORITHM or "crit" in header:
        raise Unauthenticated("The token is not signed with RS256.")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise Unauthenticated("The token does not name its key.")
    return key_id


def _check_lifetime(claims: Mapping[str, Any]) -> None:
    """Checks that PyJWT lacks: it accepts times in quotes, and any lifetime."""
    times = [claims[name] for name in ("iat", "exp", "nbf") if name in claims]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in times):
        raise Unauthenticated("The token's times are not numbers.")
    if not claims["iat"] < claims["exp"] <= claims["iat"] + MAX_LIFETIME_SECONDS:
        raise Unauthenticated("The token's lifetime is not that of a push token.")


def _reason(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return _REASONS_BY_MISSING_CLAIM.get(error.claim, _REASONS[type(error)])
    return _REASONS.get(type(error), "The token is malformed.")
