"""The live page: a workspace's report on loopback, updating while agents work.

The only importer of the web stack. `server` opens the socket and prints the address, `guard`
decides who is let in, `app` says what is where, `parameters` reads an address, `live` computes each
answer once and knows when the log changed, `schema` describes the answers. No rule of counting or
showing is here: reports come from `Workspace`, pages from `ctxuse.render.page`.
"""
