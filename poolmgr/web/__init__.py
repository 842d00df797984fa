"""The attached screen in a browser: needs the extra ``poolmgr[serve]``, and nothing of the pool."""
