module strongroom/kubelet-env

go 1.26

require k8s.io/kubernetes v1.35.4
