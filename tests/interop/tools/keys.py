"""Prints the keys that AWS's library finds for a profile, and when they end."""

import json
import sys

from botocore.session import Session

credentials = Session(profile=sys.argv[1]).get_credentials()
keys = credentials.get_frozen_credentials()
end = getattr(credentials, "_expiry_time", None)
print(json.dumps([credentials.method, *keys[:3], end and end.isoformat()]))
