# Only where a plan (`kubectl offboard discover`, `mode: Plan`) is to say which auth roles let an identity in that it does not
# name: their names are listed, and each is read. Without it the plan says that nobody could look.
#
# To change: `kubernetes`, to each path in the Connector's `kubernetesAuthMounts`, one block for each.

path "auth/kubernetes/role" { capabilities = ["list"] }
