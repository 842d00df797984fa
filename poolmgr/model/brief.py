"""Values in short, without running anybody's code, as workers of stock pools write them too."""

from __future__ import annotations

from poolmgr.hook.site.poolmgr_hook.brief import brief, brief_call, function_name

__all__ = ["brief", "brief_call", "function_name"]
