"""What the project is made of besides its own code: licences, known vulnerabilities, and a bill of materials.

``policy.yaml`` names the licences that are allowed, and each exception with its reason.
"""
