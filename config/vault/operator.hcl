# What the operator may do in Vault or OpenBao: enough to find, lock, revoke and observe, and nothing that ends the
# access of others at once. It is never given `sys/leases/revoke-prefix` or `sys/leases/revoke-force`, and none of the
# paths under which secrets are read or issued.
#
#   bao policy write offboard-operator config/vault/operator.hcl
#
# Vault and OpenBao add the rights of several policies up: what only some need is in files of its own
# (app-roles.hcl, certificates.hcl, discovery.hcl, exclusive-roles.hcl). `sys/health`, which tells the cluster's id, needs no right.
#
# To change: `kubernetes` below, to each path in the Connector's `kubernetesAuthMounts`, one block for each.

# --- Its own token -----------------------------------------------------------------------------------------------

# The policy `default` allows the first four as well; a token without it needs them from here.
path "auth/token/lookup-self"     { capabilities = ["read"] }
path "auth/token/renew-self"      { capabilities = ["update"] }
path "auth/token/revoke-self"     { capabilities = ["update"] }
path "sys/capabilities-self"      { capabilities = ["update"] }

# A write that only the active node does, and that nobody else can see: how far what it says about others is up to date.
path "cubbyhole/offboard"         { capabilities = ["create", "update"] }

# --- Which mounts there are --------------------------------------------------------------------------------------

path "sys/auth"                   { capabilities = ["read"] }

# --- The identity: found, locked, unlocked -----------------------------------------------------------------------

path "identity/lookup/entity"     { capabilities = ["update"] }

# Entities have random ids, so a policy cannot tell one identity's from another's: with `update` on all of them the
# operator could disable any, or give it policies. It writes `disabled` and its own mark in `metadata`, and nothing else.
# `delete` is only for the disabled entity that it makes where an identity never logged in, when a run is cancelled.
path "identity/entity/id/*"       { capabilities = ["update", "delete"] }
path "identity/entity-alias"      { capabilities = ["update"] }

# --- Tokens ------------------------------------------------------------------------------------------------------

# `sudo`, because a list of all accessors is what an attacker would want; an accessor alone cannot be used to log in.
path "auth/token/accessors"       { capabilities = ["list", "sudo"] }
path "auth/token/lookup-accessor" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }

# --- Leases ------------------------------------------------------------------------------------------------------

# Which of them the server has given up on.
path "sys/leases"                 { capabilities = ["read", "sudo"] }
path "sys/leases/lookup"          { capabilities = ["update"] }
# Lists the ids under a prefix. Narrower, where all that is ever leased is under it:
#   path "sys/leases/lookup/database/creds/ci-*" { capabilities = ["list", "sudo"] }
path "sys/leases/lookup/*"        { capabilities = ["list", "sudo"] }
# By id only. Which lease it is stands in the body, so a policy cannot narrow this down; the Connector's grants do.
path "sys/leases/revoke"          { capabilities = ["update"] }

# --- Auth roles that name the ServiceAccount ---------------------------------------------------------------------

path "auth/kubernetes/role/*"     { capabilities = ["read"] }
