"""Apps of strangers: programs that serve pages from inside the sandbox, and the one way by which browsers reach them.

`app_server` starts an app and ends it, `forwarder` carries requests to its socket and answers back, `ingress_rules`
says what passes.
"""
