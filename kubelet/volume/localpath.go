package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
)

// localProvisioner is the provisioner whose volumes are folders that are made when they are needed first.
const localProvisioner = "coxswain.io/local-path"

// makeLocal makes the folder of a volume of the local provisioner, open to whatever user its pods run as. The folder above is
// there on a node that offers such volumes, and lets nobody in who has not been given a folder.
func makeLocal(pv *corev1.PersistentVolume) error {
	if pv.Annotations["pv.kubernetes.io/provisioned-by"] != localProvisioner {
		return nil
	}
	path := pv.Spec.Local.Path
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(path, 0o777)
	}
	if err != nil {
		return fmt.Errorf("making the folder of volume %s: %w", pv.Name, err)
	}
	return nil
}
