"""The Nightshift page inside Airflow's UI: every product at a glance, and the reports of every night."""
