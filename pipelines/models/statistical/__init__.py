"""One small model per series: the seasonal-naive forecast, and ETS and Theta of statsmodels."""

from pipelines.models.statistical.forecasting import DEFAULTS, METHODS, forecast

__all__ = ["DEFAULTS", "METHODS", "forecast"]
