// Reads environment files with the kubelet's own parser. Each line of standard input names a file and a variable,
// with a tab between them; each line of the answer is the value in hexadecimal, or "!" and the parser's error.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"k8s.io/kubernetes/pkg/kubelet/util/env"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		file, key, _ := strings.Cut(lines.Text(), "\t")
		value, err := env.ParseEnv(file, key)
		if err != nil {
			fmt.Fprintf(out, "!%q\n", err.Error())
			continue
		}
		fmt.Fprintf(out, "%x\n", value)
	}
}
