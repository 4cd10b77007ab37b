// SPDX-License-Identifier: Apache-2.0
// The schemas of others that generated code is tested with: at least forty files with services, and where they come from.
import type { Package } from "./public-packages.js";

/** Files of one package, and where what they import is found. */
export interface Source {
  /** Name of the folder of the output. */
  readonly name: string;
  /** Where the files and their imports are looked for, in this order. */
  readonly roots: readonly Root[];
  /** Files with services, as they are imported. */
  readonly files: readonly string[];
}

/** A folder of a package that import paths start from. */
export interface Root {
  readonly package: Package;
  readonly folder?: string;
  /** What import paths have in front of those in the folder. */
  readonly prefix?: string;
}

const npm = (name: string, version: string): Package => ({ registry: "npm", name, version });
const go = (name: string, version: string): Package => ({ registry: "go", name, version });
const maven = (name: string, version: string): Package => ({ registry: "maven", name, version });

const GOOGLE: Root = { package: npm("google-proto-files", "6.0.1") };
const GATEWAY: Root = { package: go("github.com/grpc-ecosystem/grpc-gateway/v2", "v2.33.0") };
const GOGO: Root = { package: go("github.com/cosmos/gogoproto", "v1.7.0") };

/** From packages of npm, of Go's module proxy and of Maven Central: each wants its own client. */
export const SOURCES: readonly Source[] = [
  {
    name: "google",
    roots: [GOOGLE],
    files: [
      "google/pubsub/v1/pubsub.proto",
      "google/longrunning/operations.proto",
      "google/firestore/v1/firestore.proto",
      "google/spanner/v1/spanner.proto",
      "google/bigtable/v2/bigtable.proto",
      "google/storage/v2/storage.proto",
      "google/logging/v2/logging.proto",
      "google/iam/v1/iam_policy.proto",
      "google/bytestream/bytestream.proto",
      "google/devtools/build/v1/publish_build_event.proto",
      "google/cloud/speech/v1/cloud_speech.proto",
      "google/ai/generativelanguage/v1beta/generative_service.proto",
    ],
  },
  {
    name: "envoy",
    roots: [{ package: maven("io.envoyproxy.controlplane:api", "1.0.49") }],
    files: [
      "envoy/service/discovery/v3/ads.proto",
      "envoy/service/cluster/v3/cds.proto",
      "envoy/service/listener/v3/lds.proto",
      "envoy/service/route/v3/rds.proto",
      "envoy/service/endpoint/v3/eds.proto",
      "envoy/service/secret/v3/sds.proto",
      "envoy/service/auth/v3/external_auth.proto",
      "envoy/service/ext_proc/v3/external_processor.proto",
      "envoy/service/ratelimit/v3/rls.proto",
      "envoy/service/load_stats/v3/lrs.proto",
      "envoy/service/status/v3/csds.proto",
      "xds/service/orca/v3/orca.proto",
    ],
  },
  {
    name: "opentelemetry",
    roots: [{ package: maven("io.opentelemetry.proto:opentelemetry-proto", "1.11.0-alpha") }],
    files: [
      "opentelemetry/proto/collector/trace/v1/trace_service.proto",
      "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
      "opentelemetry/proto/collector/logs/v1/logs_service.proto",
      "opentelemetry/proto/collector/profiles/v1development/profiles_service.proto",
    ],
  },
  {
    name: "grpc",
    roots: [{ package: maven("io.grpc:grpc-services", "1.85.1") }],
    files: ["grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto", "grpc/channelz/v1/channelz.proto"],
  },
  {
    name: "grpc-testing",
    roots: [{ package: go("google.golang.org/grpc", "v1.85.0") }],
    files: ["interop/stress/grpc_testing/metrics.proto", "reflection/grpc_testing/test.proto"],
  },
  {
    name: "buf",
    roots: [{ package: go("github.com/bufbuild/buf", "v1.75.0"), folder: "proto" }],
    files: [
      "buf/alpha/registry/v1alpha1/repository.proto",
      "buf/alpha/registry/v1alpha1/organization.proto",
      "buf/alpha/registry/v1alpha1/image.proto",
      "buf/alpha/registry/v1alpha1/plugin_curation.proto",
      "buf/alpha/registry/v1alpha1/doc.proto",
      "buf/alpha/audit/v1alpha1/service.proto",
    ],
  },
  {
    name: "grpc-gateway",
    roots: [GATEWAY, GOOGLE],
    files: [
      "examples/internal/proto/examplepb/a_bit_of_everything.proto",
      "examples/internal/proto/examplepb/flow_combination.proto",
      "examples/internal/proto/examplepb/stream.proto",
      "examples/internal/proto/examplepb/opaque.proto",
      "examples/internal/proto/examplepb/non_standard_names.proto",
    ],
  },
  {
    name: "etcd",
    roots: [{ package: go("go.etcd.io/etcd/api/v3", "v3.6.13"), prefix: "etcd/api/" }, GOGO, GATEWAY, GOOGLE],
    files: ["etcd/api/etcdserverpb/rpc.proto"],
  },
  {
    name: "containerd",
    roots: [
      {
        package: go("github.com/containerd/containerd/api", "v1.8.0"),
        prefix: "github.com/containerd/containerd/api/",
      },
      GOOGLE,
    ],
    files: [
      "github.com/containerd/containerd/api/services/tasks/v1/tasks.proto",
      "github.com/containerd/containerd/api/services/content/v1/content.proto",
      "github.com/containerd/containerd/api/runtime/task/v3/shim.proto",
    ],
  },
  {
    name: "cosmos",
    roots: [
      { package: go("github.com/cosmos/cosmos-sdk", "v0.50.13"), folder: "proto" },
      { package: go("github.com/cosmos/cosmos-proto", "v1.0.0-beta.5"), folder: "proto" },
      GOGO,
      GOOGLE,
    ],
    files: [
      "cosmos/tx/v1beta1/service.proto",
      "cosmos/staking/v1beta1/query.proto",
      "cosmos/bank/v1beta1/tx.proto",
      "cosmos/reflection/v1/reflection.proto",
    ],
  },
  {
    name: "kubernetes",
    roots: [{ package: go("k8s.io/cri-api", "v0.37.2") }],
    files: ["pkg/apis/runtime/v1/api.proto"],
  },
  {
    name: "storage-interface",
    roots: [{ package: go("github.com/container-storage-interface/spec", "v1.11.0") }],
    files: ["csi.proto"],
  },
  {
    name: "spiffe",
    roots: [{ package: go("github.com/spiffe/go-spiffe/v2", "v2.9.0"), folder: "proto" }],
    files: ["spiffe/workload/workload.proto"],
  },
  {
    name: "lightning",
    roots: [{ package: npm("lightning", "12.5.0"), folder: "grpc/protos" }],
    files: ["lightning.proto", "router.proto"],
  },
  {
    name: "zeebe",
    roots: [{ package: npm("zeebe-node", "8.3.2"), folder: "proto" }],
    files: ["zeebe.proto"],
  },
  {
    name: "dapr",
    roots: [{ package: npm("@dapr/dapr", "3.18.0"), folder: "proto" }],
    files: ["dapr/proto/runtime/v1/dapr.proto", "dapr/proto/runtime/v1/appcallback.proto"],
  },
  {
    name: "hashgraph",
    roots: [{ package: npm("@hashgraph/proto", "2.25.0"), folder: "src/proto" }],
    files: ["services_crypto_service.proto", "services_token_service.proto", "mirror_mirror_network_service.proto"],
  },
];
