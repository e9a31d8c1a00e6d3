# Only where a WorkloadIdentity names AppRoles: each is read, since one may ask for no secret id at all, and their secret ids
# are listed and destroyed. `+` is the name of the role.
#
# To change: `approle`, to the mount, one set of blocks for each.

path "auth/approle/role/+"                            { capabilities = ["read"] }
path "auth/approle/role/+/secret-id"                  { capabilities = ["list"] }
path "auth/approle/role/+/secret-id-accessor/lookup"  { capabilities = ["update"] }
path "auth/approle/role/+/secret-id-accessor/destroy" { capabilities = ["update"] }
