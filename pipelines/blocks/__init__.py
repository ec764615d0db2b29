"""The blocks of ``params.yaml`` as typed models; ``pipelines.config`` puts them together."""
