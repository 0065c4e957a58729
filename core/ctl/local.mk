# Configuration, control, and the two mains.
