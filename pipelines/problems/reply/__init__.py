"""Replies of customer service: the next thing an agent says, from the dialogue so far and the agent's systems."""
