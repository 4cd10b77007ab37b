// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/rsocket/rsocket-go/extension"
)

const (
	compositeMime = "message/x.rsocket.composite-metadata.v0"
	serviceName   = "rsocket.interop.v1.TestService"
	noService     = "rsocket.interop.v1.UnimplementedService"
	// The part of metadata that belongs to rsocket-rpc itself.
	envelopeMime = "message/x.rsocket-rpc.v1"
	routingMime  = "message/x.rsocket.routing.v0"
)

// What the metadata of a request says: which method, and what belongs to the application.
type route struct {
	service, method string
	user            []byte
}

func (r route) encode(composite bool) ([]byte, error) {
	if composite {
		return r.encodeComposite()
	}
	out := []byte{0, 1}
	for _, part := range []string{r.service, r.method, ""} {
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return append(out, r.user...), nil
}

func (r route) encodeComposite() ([]byte, error) {
	tags, err := extension.EncodeRouting(r.service + "." + r.method)
	if err != nil {
		return nil, err
	}
	entries := extension.NewCompositeMetadataBuilder().PushWellKnown(extension.MessageRouting, tags)
	if len(r.user) > 0 {
		entries.PushWellKnown(extension.ApplicationOctetStream, r.user)
	}
	return entries.Build()
}

func decodeRoute(metadata []byte, composite bool) (route, error) {
	if composite {
		return decodeComposite(metadata)
	}
	if len(metadata) < 2 || binary.BigEndian.Uint16(metadata) != 1 {
		return route{}, errors.New("metadata is empty")
	}
	rest := metadata[2:]
	var parts [3]string
	for i := range parts {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return route{}, errors.New("metadata ends too early")
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		parts[i], rest = string(rest[2:end]), rest[end:]
	}
	return route{parts[0], parts[1], rest}, nil
}

// The application's part is the first entry that is neither the route nor of rsocket-rpc itself.
func decodeComposite(metadata []byte) (r route, err error) {
	hasUser := false
	for entries := extension.CompositeMetadata(metadata).Scanner(); entries.Scan(); {
		mime, value, err := entries.Metadata()
		if err != nil {
			return r, err
		}
		if mime == routingMime {
			tags, err := extension.ParseRoutingTags(value)
			if err != nil || len(tags) == 0 {
				return r, errors.New("the route is empty")
			}
			dot := strings.LastIndex(tags[0], ".")
			r.service, r.method = tags[0][:max(dot, 0)], tags[0][dot+1:]
		} else if mime != envelopeMime && !hasUser {
			r.user, hasUser = value, true
		}
	}
	return r, nil
}
