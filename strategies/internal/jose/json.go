package jose

import "encoding/json"

// ParseObject reads data, another JSON object that a peer sends, as strictly as the
// claims of a token, and returns its members.
func ParseObject(data []byte) (map[string]json.RawMessage, error) {
	o, err := parseObject(string(data))
	if err != nil {
		return nil, err
	}
	members := make(map[string]json.RawMessage, len(o))
	for _, m := range o {
		members[m.name] = json.RawMessage(m.raw)
	}
	return members, nil
}
