# Who may call what, for the Open Policy Agent: the gateway asks `mcp/authz/allow` about one request, and
# `mcp/authz/allowed` about all entries of a list. What nothing here allows is denied.
package mcp.authz

import rego.v1

default allow := false

# Admins may do everything.
allow if is_admin

# Whoever has a scope for a tool may use it.
allow if may_use(input.resource)

# What a server is and which things it has may be asked by everybody with a token: each entry of a list is decided on by itself.
allow if {
	input.resource.kind == "server"
	input.mcp.method in open_methods
}

allow if {
	input.resource.kind == "server"
	startswith(input.mcp.method, "notifications/")
}

# The names of a list that are allowed.
allowed contains resource.name if {
	some resource in input.resources
	is_admin
}

allowed contains resource.name if {
	some resource in input.resources
	may_use(resource)
}

is_admin if "admin" in input.user.roles

# The scope is `tool:<tool>:<action>`, such as `tool:search:invoke`. What is labelled as sensitive is for admins alone.
may_use(resource) if {
	required := sprintf("tool:%s:%s", [resource.tool, resource.action])
	required in input.user.scopes
	not "sensitive" in resource.labels
}

open_methods := {
	"initialize",
	"ping",
	"server/discover",
	"tools/list",
	"prompts/list",
	"resources/list",
	"resources/templates/list",
	"logging/setLevel",
	"subscriptions/listen",
}
