// Package v1beta1 stands in for the package of that name of github.com/metallb/frr-k8s, which
// the speaker is compiled against and which cannot be had here.
//
// It has the types that the speaker's code for BGP by way of frr-k8s names, and no more. None of
// that code runs: the benchmarks start the speaker with METALLB_BGP_TYPE=native and give it no BGP
// peer, so it announces by ARP alone, and no object of these types is ever made, read or sent.
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DynamicASNMode names how a neighbor's AS number is found.
type DynamicASNMode string

// SecretReference names a Secret.
type SecretReference struct {
	Name      string
	Namespace string
}

// AllowedOutPrefixes is what a neighbor may be told.
type AllowedOutPrefixes struct {
	Prefixes []string
}

// LocalPrefPrefixes is what a neighbor is told with a local preference.
type LocalPrefPrefixes struct {
	LocalPref uint32
	Prefixes  []string
}

// CommunityPrefixes is what a neighbor is told with a community.
type CommunityPrefixes struct {
	Community string
	Prefixes  []string
}

// AsPathPrependPrefixes is what a neighbor is told with a longer path.
type AsPathPrependPrefixes struct {
	AsPathPrepend uint8
	Prefixes      []string
}

// Advertise is what a neighbor is told.
type Advertise struct {
	Allowed                   AllowedOutPrefixes
	PrefixesWithLocalPref     []LocalPrefPrefixes
	PrefixesWithCommunity     []CommunityPrefixes
	PrefixesWithAsPathPrepend []AsPathPrependPrefixes
}

// Neighbor is a BGP neighbor.
type Neighbor struct {
	ASN                    uint32
	DynamicASN             DynamicASNMode
	Address                string
	Interface              string
	Port                   *uint16
	Password               string
	PasswordSecret         SecretReference
	HoldTime               *metav1.Duration
	KeepaliveTime          *metav1.Duration
	ConnectTime            *metav1.Duration
	EBGPMultiHop           bool
	BFDProfile             string
	EnableGracefulRestart  bool
	ToAdvertise            Advertise
	DisableMP              bool
	DualStackAddressFamily bool
}

// Router is a BGP router.
type Router struct {
	ASN       uint32
	ID        string
	VRF       string
	Neighbors []Neighbor
	Prefixes  []string
}

// BFDProfile is a set of timers.
type BFDProfile struct {
	Name             string
	ReceiveInterval  *uint32
	TransmitInterval *uint32
	DetectMultiplier *uint32
	EchoInterval     *uint32
	EchoMode         *bool
	PassiveMode      *bool
	MinimumTTL       *uint32
}

// BGPConfig is all routers of a node.
type BGPConfig struct {
	Routers     []Router
	BFDProfiles []BFDProfile
}

// FRRConfigurationSpec is a configuration and the nodes that it is for.
type FRRConfigurationSpec struct {
	BGP          BGPConfig
	NodeSelector metav1.LabelSelector
}

// DeepCopyInto would copy it.
func (spec *FRRConfigurationSpec) DeepCopyInto(into *FRRConfigurationSpec) {
	*into = *spec
}

// FRRConfiguration is the object.
type FRRConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec FRRConfigurationSpec `json:"spec"`
}

// DeepCopy would copy it.
func (one *FRRConfiguration) DeepCopy() *FRRConfiguration {
	copied := *one
	one.ObjectMeta.DeepCopyInto(&copied.ObjectMeta)
	return &copied
}

// DeepCopyObject copies it, for the scheme.
func (one *FRRConfiguration) DeepCopyObject() runtime.Object {
	return one.DeepCopy()
}

// FRRConfigurationList is a list of them.
type FRRConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []FRRConfiguration `json:"items"`
}

// DeepCopyObject copies it, for the scheme.
func (list *FRRConfigurationList) DeepCopyObject() runtime.Object {
	copied := *list
	copied.Items = append([]FRRConfiguration(nil), list.Items...)
	return &copied
}

// AddToScheme registers the two kinds, without which the speaker does not start.
func AddToScheme(scheme *runtime.Scheme) error {
	version := schema.GroupVersion{Group: "frrk8s.metallb.io", Version: "v1beta1"}
	scheme.AddKnownTypes(version, &FRRConfiguration{}, &FRRConfigurationList{})
	metav1.AddToGroupVersion(scheme, version)
	return nil
}
