"""``make demo-drift``: drift, alarm, mail, retraining, gate, promotion and recovery, unattended."""
