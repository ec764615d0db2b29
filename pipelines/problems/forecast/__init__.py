"""Demand forecasts: many series, one global model, a mean and quantiles for each step of a horizon."""
