"""The options of one run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    """Immutable, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Options(Frozen):
    """The options of one run; None means the deployment's setting at admission."""

    min_moment_length_seconds: float | None = Field(default=None, gt=0)
    max_moment_length_seconds: float | None = Field(default=None, gt=0)
    min_moments: int | None = Field(default=None, ge=0)
    max_moments: int | None = Field(default=None, ge=1)
    padding_left_seconds: float | None = Field(default=None, ge=0)
    padding_right_seconds: float | None = Field(default=None, ge=0)
    padding_over_words: bool | None = None
    prompt: str | None = Field(default=None, max_length=2000)
    model: str | None = Field(default=None, max_length=100)
    kind: str | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Options:
        for low, high in (
            ("min_moment_length_seconds", "max_moment_length_seconds"),
            ("min_moments", "max_moments"),
        ):
            below, above = getattr(self, low), getattr(self, high)
            if below is not None and above is not None and below > above:
                raise ValueError(f"{low} ({below}) is above {high} ({above})")
        return self
