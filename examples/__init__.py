"""Programs that show meshpilot at work; each package is one. No part of the wheel."""
