# Only where a WorkloadIdentity names auth roles that belong to nobody else: the operator then deletes them.
# A role that others use too is reported, and never edited.
#
# To change: `kubernetes`, to each path in the Connector's `kubernetesAuthMounts`; `*`, to what these roles are named like.

path "auth/kubernetes/role/*" { capabilities = ["delete"] }
