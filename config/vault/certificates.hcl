# Only where a WorkloadIdentity names certificates: each is read and revoked by its serial number.
# Which one is revoked stands in the body, so a policy cannot narrow that down; the Connector's grants do.
#
# To change: `pki`, to the mount, one set of blocks for each.

path "pki/cert/*" { capabilities = ["read"] }
path "pki/revoke" { capabilities = ["update"] }
