"""Networks, and how they learn and are judged."""
