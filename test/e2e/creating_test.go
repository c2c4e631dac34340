package e2e

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCreating creates every kind that kubectl create knows.
func TestCreating(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	file := u.write("A=1\n")
	cert, key := u.keyPair()
	cluster := u.name + "-of-cluster"
	t.Cleanup(func() {
		u.sees("delete", "clusterrole,clusterrolebinding,priorityclass,namespace", cluster, "--ignore-not-found", "--wait=false")
	})
	for _, line := range []string{
		"job plain --image=x -- echo|job.batch/plain created",
		"cronjob often --image=x --schedule=0_0_1_1_*|cronjob.batch/often created",
		"job now --from=cronjob/often|job.batch/now created",
		"configmap values --from-literal=a=b --from-file=f=" + file + "|configmap/values created",
		"configmap env --from-env-file=" + file + "|configmap/env created",
		"secret generic keys --from-literal=a=b|secret/keys created",
		"secret tls pair --cert=" + cert + " --key=" + key + "|secret/pair created",
		"secret docker-registry pull --docker-server=x --docker-username=u --docker-password=p|secret/pull created",
		"serviceaccount robot|serviceaccount/robot created",
		"role reader --verb=get,list --resource=pods,pods/log,deployments.apps|role.rbac.authorization.k8s.io/reader created",
		"rolebinding reads --role=reader --serviceaccount=" + u.name + ":robot|rolebinding.rbac.authorization.k8s.io/reads created",
		"clusterrole " + cluster + " --verb=get --non-resource-url=/x|clusterrole.rbac.authorization.k8s.io/" + cluster + " created",
		"clusterrolebinding " + cluster + " --clusterrole=view --user=u|clusterrolebinding.rbac.authorization.k8s.io/" + cluster + " created",
		"priorityclass " + cluster + " --value=10|priorityclass.scheduling.k8s.io/" + cluster + " created",
		"namespace " + cluster + "|namespace/" + cluster + " created",
		"quota few --hard=configmaps=9|resourcequota/few created",
		"poddisruptionbudget careful --selector=a=b --max-unavailable=1|poddisruptionbudget.policy/careful created",
		"ingress front --rule=example.com/x=web:80,tls=pair|ingress.networking.k8s.io/front created",
		"deployment none --image=x --replicas=0|deployment.apps/none created",
		"service clusterip inner --tcp=80:8080|service/inner created",
		"service nodeport outer --tcp=80|service/outer created",
		"service loadbalancer outest --tcp=80|service/outest created",
		"service externalname away --external-name=example.com|service/away created",
	} {
		command, want, _ := strings.Cut(line, "|")
		args := []string{"create"}
		for word := range strings.FieldsSeq(command) {
			args = append(args, strings.ReplaceAll(word, "_", " "))
		}
		u.same(command, u.sees(args...), want)
	}
	u.eventually("the use of the quota", func() error {
		return contains(u.sees("describe", "quota", "few"), "configmaps  3     9")
	})
	u.shows()
	u.tokens()
}

// shows reads back some of what was created.
func (u user) shows() {
	u.Helper()
	for command, want := range map[string]string{
		"get job now":                                 "NAME STATUS COMPLETIONS DURATION AGE now Running 0/1",
		"get cronjob often":                           "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE often 0 0 1 1 * <none> False ",
		"get secret pair":                             "NAME TYPE DATA AGE pair kubernetes.io/tls 2",
		"get secret pull":                             "NAME TYPE DATA AGE pull kubernetes.io/dockerconfigjson 1",
		"get role reader":                             "NAME CREATED AT reader 20",
		"get rolebinding reads -o wide":               "NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS reads Role/reader",
		"get pdb careful":                             "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE careful N/A 1 0",
		"get ingress front":                           "NAME CLASS HOSTS ADDRESS PORTS AGE front <none> example.com 80, 443",
		"get service away":                            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE away ExternalName <none> example.com <none>",
		"get service outest":                          "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE outest LoadBalancer 10.43.",
		"get priorityclass " + u.name + "-of-cluster": "NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY " + u.name + "-of-cluster 10 false",
		"describe job plain":                          "Parallelism: 1 Completions: 1 Completion Mode: NonIndexed",
		"describe cronjob often":                      "Concurrency Policy: Allow Suspend: False Time Zone: <unset> Successful Job History Limit: 3",
		"describe secret keys":                        "Type: Opaque Data ==== a: 1 bytes",
		"describe configmap env":                      "Data ==== A: ---- 1 BinaryData ====",
		"describe role reader":                        "deployments.apps [] [] [get list]",
		"describe ingress front":                      "pair terminates example.com",
	} {
		u.says(command, strings.Join(strings.Fields(u.sees(strings.Fields(command)...)), " "), want)
	}
	u.eventually("the job's event", func() error {
		return contains(u.sees("describe", "job", "plain"), "SuccessfulCreate")
	})
}

// tokens makes a token for a service account, and a certificate for a user, and works with them.
func (u user) tokens() {
	u.Helper()
	token := strings.TrimSpace(u.sees("create", "token", "robot", "--duration=20m", "--audience=https://kubernetes.default.svc.cluster.local"))
	part := strings.Split(token, ".")
	if len(part) != 3 {
		u.Fatalf("a token of %d parts", len(part))
	}
	var claims struct {
		Sub      string
		Exp, Iat int64
	}
	if data, err := base64.RawURLEncoding.DecodeString(part[1]); err != nil || json.Unmarshal(data, &claims) != nil {
		u.Fatalf("a token that says %q, %v", data, err)
	}
	if claims.Sub != "system:serviceaccount:"+u.name+":robot" || claims.Exp-claims.Iat != 1200 {
		u.Errorf("the token says %+v", claims)
	}
	config := u.config
	u.config = u.write("apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x}}]\nclusters: [{name: x, cluster: {server: \"" + u.cluster.URL() + "\", insecure-skip-tls-verify: true}}]\n")
	u.says("who the token is", u.sees("--token="+token, "auth", "whoami"), claims.Sub, "[system:serviceaccounts system:serviceaccounts:"+u.name+" system:authenticated]")
	u.sees("--token="+token, "get", "pods")
	u.says("what it may not", u.fails(1, "--token="+token, "get", "secrets"), "Error from server (Forbidden): secrets is forbidden")
	u.says("a wrong token", u.fails(1, "--token=x."+part[1]+"."+part[2], "get", "pods"), "error: You must be logged in to the server (Unauthorized)")

	dir := u.TempDir()
	u.output("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", filepath.Join(dir, "key"), "-subj", "/CN=anna/O=dev", "-out", filepath.Join(dir, "csr"))
	request := u.output("base64", "-w0", filepath.Join(dir, "csr"))
	name := u.name + "-anna"
	u.config = config
	u.answers("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: "+name+"}\nspec: {request: "+request+
		", signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}\n", "create", "-f", "-")
	u.Cleanup(func() { u.sees("delete", "csr", name) })
	u.says("the request", u.sees("get", "csr", name), "NAME ", "REQUESTOR", "kubernetes.io/kube-apiserver-client   admin ", "Pending")
	u.same("approve", u.sees("certificate", "approve", name), "certificatesigningrequest.certificates.k8s.io/"+name+" approved")
	u.eventually("the certificate", func() error { return contains(u.sees("get", "csr", name), "Approved,Issued") })
	data, err := base64.StdEncoding.DecodeString(u.get("csr/"+name, ".status.certificate"))
	if err != nil {
		u.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		u.Fatalf("no certificate in %s", data)
	}
	if certificate, err := x509.ParseCertificate(block.Bytes); err != nil || certificate.Subject.String() != "CN=anna,O=dev" {
		u.Errorf("a certificate of %v, %v", certificate.Subject, err)
	}
}

// output is that of a program of the machine.
func (u user) output(name string, args ...string) string {
	u.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		u.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func (u user) keyPair() (cert, key string) {
	dir := u.TempDir()
	cert, key = filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	u.output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=x")
	return cert, key
}
