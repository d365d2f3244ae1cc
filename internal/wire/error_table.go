package wire

// The errors of the protocol. Retriable is what the clients of Kafka 4.4 do.
var (
	ErrUnknownServerError                     = Error{-1, "UNKNOWN_SERVER_ERROR", false}
	ErrNone                                   = Error{0, "NONE", false}
	ErrOffsetOutOfRange                       = Error{1, "OFFSET_OUT_OF_RANGE", false}
	ErrCorruptMessage                         = Error{2, "CORRUPT_MESSAGE", true}
	ErrUnknownTopicOrPartition                = Error{3, "UNKNOWN_TOPIC_OR_PARTITION", true}
	ErrInvalidFetchSize                       = Error{4, "INVALID_FETCH_SIZE", false}
	ErrLeaderNotAvailable                     = Error{5, "LEADER_NOT_AVAILABLE", true}
	ErrNotLeaderOrFollower                    = Error{6, "NOT_LEADER_OR_FOLLOWER", true}
	ErrRequestTimedOut                        = Error{7, "REQUEST_TIMED_OUT", true}
	ErrBrokerNotAvailable                     = Error{8, "BROKER_NOT_AVAILABLE", false}
	ErrReplicaNotAvailable                    = Error{9, "REPLICA_NOT_AVAILABLE", true}
	ErrMessageTooLarge                        = Error{10, "MESSAGE_TOO_LARGE", false}
	ErrStaleControllerEpoch                   = Error{11, "STALE_CONTROLLER_EPOCH", false}
	ErrOffsetMetadataTooLarge                 = Error{12, "OFFSET_METADATA_TOO_LARGE", false}
	ErrNetworkException                       = Error{13, "NETWORK_EXCEPTION", true}
	ErrCoordinatorLoadInProgress              = Error{14, "COORDINATOR_LOAD_IN_PROGRESS", true}
	ErrCoordinatorNotAvailable                = Error{15, "COORDINATOR_NOT_AVAILABLE", true}
	ErrNotCoordinator                         = Error{16, "NOT_COORDINATOR", true}
	ErrInvalidTopicException                  = Error{17, "INVALID_TOPIC_EXCEPTION", false}
	ErrRecordListTooLarge                     = Error{18, "RECORD_LIST_TOO_LARGE", false}
	ErrNotEnoughReplicas                      = Error{19, "NOT_ENOUGH_REPLICAS", true}
	ErrNotEnoughReplicasAfterAppend           = Error{20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true}
	ErrInvalidRequiredAcks                    = Error{21, "INVALID_REQUIRED_ACKS", false}
	ErrIllegalGeneration                      = Error{22, "ILLEGAL_GENERATION", false}
	ErrInconsistentGroupProtocol              = Error{23, "INCONSISTENT_GROUP_PROTOCOL", false}
	ErrInvalidGroupID                         = Error{24, "INVALID_GROUP_ID", false}
	ErrUnknownMemberID                        = Error{25, "UNKNOWN_MEMBER_ID", false}
	ErrInvalidSessionTimeout                  = Error{26, "INVALID_SESSION_TIMEOUT", false}
	ErrRebalanceInProgress                    = Error{27, "REBALANCE_IN_PROGRESS", false}
	ErrInvalidCommitOffsetSize                = Error{28, "INVALID_COMMIT_OFFSET_SIZE", false}
	ErrTopicAuthorizationFailed               = Error{29, "TOPIC_AUTHORIZATION_FAILED", false}
	ErrGroupAuthorizationFailed               = Error{30, "GROUP_AUTHORIZATION_FAILED", false}
	ErrClusterAuthorizationFailed             = Error{31, "CLUSTER_AUTHORIZATION_FAILED", false}
	ErrInvalidTimestamp                       = Error{32, "INVALID_TIMESTAMP", false}
	ErrUnsupportedSaslMechanism               = Error{33, "UNSUPPORTED_SASL_MECHANISM", false}
	ErrIllegalSaslState                       = Error{34, "ILLEGAL_SASL_STATE", false}
	ErrUnsupportedVersion                     = Error{35, "UNSUPPORTED_VERSION", false}
	ErrTopicAlreadyExists                     = Error{36, "TOPIC_ALREADY_EXISTS", false}
	ErrInvalidPartitions                      = Error{37, "INVALID_PARTITIONS", false}
	ErrInvalidReplicationFactor               = Error{38, "INVALID_REPLICATION_FACTOR", false}
	ErrInvalidReplicaAssignment               = Error{39, "INVALID_REPLICA_ASSIGNMENT", false}
	ErrInvalidConfig                          = Error{40, "INVALID_CONFIG", false}
	ErrNotController                          = Error{41, "NOT_CONTROLLER", true}
	ErrInvalidRequest                         = Error{42, "INVALID_REQUEST", false}
	ErrUnsupportedForMessageFormat            = Error{43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false}
	ErrPolicyViolation                        = Error{44, "POLICY_VIOLATION", false}
	ErrOutOfOrderSequenceNumber               = Error{45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false}
	ErrDuplicateSequenceNumber                = Error{46, "DUPLICATE_SEQUENCE_NUMBER", false}
	ErrInvalidProducerEpoch                   = Error{47, "INVALID_PRODUCER_EPOCH", false}
	ErrInvalidTxnState                        = Error{48, "INVALID_TXN_STATE", false}
	ErrInvalidProducerIDMapping               = Error{49, "INVALID_PRODUCER_ID_MAPPING", false}
	ErrInvalidTransactionTimeout              = Error{50, "INVALID_TRANSACTION_TIMEOUT", false}
	ErrConcurrentTransactions                 = Error{51, "CONCURRENT_TRANSACTIONS", true}
	ErrTransactionCoordinatorFenced           = Error{52, "TRANSACTION_COORDINATOR_FENCED", false}
	ErrTransactionalIDAuthorizationFailed     = Error{53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false}
	ErrSecurityDisabled                       = Error{54, "SECURITY_DISABLED", false}
	ErrOperationNotAttempted                  = Error{55, "OPERATION_NOT_ATTEMPTED", false}
	ErrKafkaStorageError                      = Error{56, "KAFKA_STORAGE_ERROR", true}
	ErrLogDirNotFound                         = Error{57, "LOG_DIR_NOT_FOUND", false}
	ErrSaslAuthenticationFailed               = Error{58, "SASL_AUTHENTICATION_FAILED", false}
	ErrUnknownProducerID                      = Error{59, "UNKNOWN_PRODUCER_ID", false}
	ErrReassignmentInProgress                 = Error{60, "REASSIGNMENT_IN_PROGRESS", false}
	ErrDelegationTokenAuthDisabled            = Error{61, "DELEGATION_TOKEN_AUTH_DISABLED", false}
	ErrDelegationTokenNotFound                = Error{62, "DELEGATION_TOKEN_NOT_FOUND", false}
	ErrDelegationTokenOwnerMismatch           = Error{63, "DELEGATION_TOKEN_OWNER_MISMATCH", false}
	ErrDelegationTokenRequestNotAllowed       = Error{64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false}
	ErrDelegationTokenAuthorizationFailed     = Error{65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", false}
	ErrDelegationTokenExpired                 = Error{66, "DELEGATION_TOKEN_EXPIRED", false}
	ErrInvalidPrincipalType                   = Error{67, "INVALID_PRINCIPAL_TYPE", false}
	ErrNonEmptyGroup                          = Error{68, "NON_EMPTY_GROUP", false}
	ErrGroupIDNotFound                        = Error{69, "GROUP_ID_NOT_FOUND", false}
	ErrFetchSessionIDNotFound                 = Error{70, "FETCH_SESSION_ID_NOT_FOUND", true}
	ErrInvalidFetchSessionEpoch               = Error{71, "INVALID_FETCH_SESSION_EPOCH", true}
	ErrListenerNotFound                       = Error{72, "LISTENER_NOT_FOUND", true}
	ErrTopicDeletionDisabled                  = Error{73, "TOPIC_DELETION_DISABLED", false}
	ErrFencedLeaderEpoch                      = Error{74, "FENCED_LEADER_EPOCH", true}
	ErrUnknownLeaderEpoch                     = Error{75, "UNKNOWN_LEADER_EPOCH", true}
	ErrUnsupportedCompressionType             = Error{76, "UNSUPPORTED_COMPRESSION_TYPE", false}
	ErrStaleBrokerEpoch                       = Error{77, "STALE_BROKER_EPOCH", false}
	ErrOffsetNotAvailable                     = Error{78, "OFFSET_NOT_AVAILABLE", true}
	ErrMemberIDRequired                       = Error{79, "MEMBER_ID_REQUIRED", false}
	ErrPreferredLeaderNotAvailable            = Error{80, "PREFERRED_LEADER_NOT_AVAILABLE", true}
	ErrGroupMaxSizeReached                    = Error{81, "GROUP_MAX_SIZE_REACHED", false}
	ErrFencedInstanceID                       = Error{82, "FENCED_INSTANCE_ID", false}
	ErrEligibleLeadersNotAvailable            = Error{83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true}
	ErrElectionNotNeeded                      = Error{84, "ELECTION_NOT_NEEDED", true}
	ErrNoReassignmentInProgress               = Error{85, "NO_REASSIGNMENT_IN_PROGRESS", false}
	ErrGroupSubscribedToTopic                 = Error{86, "GROUP_SUBSCRIBED_TO_TOPIC", false}
	ErrInvalidRecord                          = Error{87, "INVALID_RECORD", false}
	ErrUnstableOffsetCommit                   = Error{88, "UNSTABLE_OFFSET_COMMIT", true}
	ErrThrottlingQuotaExceeded                = Error{89, "THROTTLING_QUOTA_EXCEEDED", true}
	ErrProducerFenced                         = Error{90, "PRODUCER_FENCED", false}
	ErrResourceNotFound                       = Error{91, "RESOURCE_NOT_FOUND", false}
	ErrDuplicateResource                      = Error{92, "DUPLICATE_RESOURCE", false}
	ErrUnacceptableCredential                 = Error{93, "UNACCEPTABLE_CREDENTIAL", false}
	ErrInconsistentVoterSet                   = Error{94, "INCONSISTENT_VOTER_SET", false}
	ErrInvalidUpdateVersion                   = Error{95, "INVALID_UPDATE_VERSION", false}
	ErrFeatureUpdateFailed                    = Error{96, "FEATURE_UPDATE_FAILED", false}
	ErrPrincipalDeserializationFailure        = Error{97, "PRINCIPAL_DESERIALIZATION_FAILURE", false}
	ErrSnapshotNotFound                       = Error{98, "SNAPSHOT_NOT_FOUND", false}
	ErrPositionOutOfRange                     = Error{99, "POSITION_OUT_OF_RANGE", false}
	ErrUnknownTopicID                         = Error{100, "UNKNOWN_TOPIC_ID", true}
	ErrDuplicateBrokerRegistration            = Error{101, "DUPLICATE_BROKER_REGISTRATION", false}
	ErrBrokerIDNotRegistered                  = Error{102, "BROKER_ID_NOT_REGISTERED", false}
	ErrInconsistentTopicID                    = Error{103, "INCONSISTENT_TOPIC_ID", true}
	ErrInconsistentClusterID                  = Error{104, "INCONSISTENT_CLUSTER_ID", false}
	ErrTransactionalIDNotFound                = Error{105, "TRANSACTIONAL_ID_NOT_FOUND", false}
	ErrFetchSessionTopicIDError               = Error{106, "FETCH_SESSION_TOPIC_ID_ERROR", true}
	ErrIneligibleReplica                      = Error{107, "INELIGIBLE_REPLICA", false}
	ErrNewLeaderElected                       = Error{108, "NEW_LEADER_ELECTED", false}
	ErrOffsetMovedToTieredStorage             = Error{109, "OFFSET_MOVED_TO_TIERED_STORAGE", false}
	ErrFencedMemberEpoch                      = Error{110, "FENCED_MEMBER_EPOCH", false}
	ErrUnreleasedInstanceID                   = Error{111, "UNRELEASED_INSTANCE_ID", false}
	ErrUnsupportedAssignor                    = Error{112, "UNSUPPORTED_ASSIGNOR", false}
	ErrStaleMemberEpoch                       = Error{113, "STALE_MEMBER_EPOCH", false}
	ErrMismatchedEndpointType                 = Error{114, "MISMATCHED_ENDPOINT_TYPE", false}
	ErrUnsupportedEndpointType                = Error{115, "UNSUPPORTED_ENDPOINT_TYPE", false}
	ErrUnknownControllerID                    = Error{116, "UNKNOWN_CONTROLLER_ID", false}
	ErrUnknownSubscriptionID                  = Error{117, "UNKNOWN_SUBSCRIPTION_ID", false}
	ErrTelemetryTooLarge                      = Error{118, "TELEMETRY_TOO_LARGE", false}
	ErrInvalidRegistration                    = Error{119, "INVALID_REGISTRATION", false}
	ErrTransactionAbortable                   = Error{120, "TRANSACTION_ABORTABLE", false}
	ErrInvalidRecordState                     = Error{121, "INVALID_RECORD_STATE", false}
	ErrShareSessionNotFound                   = Error{122, "SHARE_SESSION_NOT_FOUND", true}
	ErrInvalidShareSessionEpoch               = Error{123, "INVALID_SHARE_SESSION_EPOCH", true}
	ErrFencedStateEpoch                       = Error{124, "FENCED_STATE_EPOCH", false}
	ErrInvalidVoterKey                        = Error{125, "INVALID_VOTER_KEY", false}
	ErrDuplicateVoter                         = Error{126, "DUPLICATE_VOTER", false}
	ErrVoterNotFound                          = Error{127, "VOTER_NOT_FOUND", false}
	ErrInvalidRegularExpression               = Error{128, "INVALID_REGULAR_EXPRESSION", false}
	ErrRebootstrapRequired                    = Error{129, "REBOOTSTRAP_REQUIRED", false}
	ErrStreamsInvalidTopology                 = Error{130, "STREAMS_INVALID_TOPOLOGY", false}
	ErrStreamsInvalidTopologyEpoch            = Error{131, "STREAMS_INVALID_TOPOLOGY_EPOCH", false}
	ErrStreamsTopologyFenced                  = Error{132, "STREAMS_TOPOLOGY_FENCED", false}
	ErrShareSessionLimitReached               = Error{133, "SHARE_SESSION_LIMIT_REACHED", true}
	ErrGroupDeletionFailed                    = Error{134, "GROUP_DELETION_FAILED", false}
	ErrStreamsTopologyDescriptionUpdateFailed = Error{135, "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED", false}
	ErrControllerIDNotRegistered              = Error{136, "CONTROLLER_ID_NOT_REGISTERED", false}
)

// errorTable holds every error in ascending order of codes, without gaps.
var errorTable = [...]Error{
	ErrUnknownServerError,
	ErrNone,
	ErrOffsetOutOfRange,
	ErrCorruptMessage,
	ErrUnknownTopicOrPartition,
	ErrInvalidFetchSize,
	ErrLeaderNotAvailable,
	ErrNotLeaderOrFollower,
	ErrRequestTimedOut,
	ErrBrokerNotAvailable,
	ErrReplicaNotAvailable,
	ErrMessageTooLarge,
	ErrStaleControllerEpoch,
	ErrOffsetMetadataTooLarge,
	ErrNetworkException,
	ErrCoordinatorLoadInProgress,
	ErrCoordinatorNotAvailable,
	ErrNotCoordinator,
	ErrInvalidTopicException,
	ErrRecordListTooLarge,
	ErrNotEnoughReplicas,
	ErrNotEnoughReplicasAfterAppend,
	ErrInvalidRequiredAcks,
	ErrIllegalGeneration,
	ErrInconsistentGroupProtocol,
	ErrInvalidGroupID,
	ErrUnknownMemberID,
	ErrInvalidSessionTimeout,
	ErrRebalanceInProgress,
	ErrInvalidCommitOffsetSize,
	ErrTopicAuthorizationFailed,
	ErrGroupAuthorizationFailed,
	ErrClusterAuthorizationFailed,
	ErrInvalidTimestamp,
	ErrUnsupportedSaslMechanism,
	ErrIllegalSaslState,
	ErrUnsupportedVersion,
	ErrTopicAlreadyExists,
	ErrInvalidPartitions,
	ErrInvalidReplicationFactor,
	ErrInvalidReplicaAssignment,
	ErrInvalidConfig,
	ErrNotController,
	ErrInvalidRequest,
	ErrUnsupportedForMessageFormat,
	ErrPolicyViolation,
	ErrOutOfOrderSequenceNumber,
	ErrDuplicateSequenceNumber,
	ErrInvalidProducerEpoch,
	ErrInvalidTxnState,
	ErrInvalidProducerIDMapping,
	ErrInvalidTransactionTimeout,
	ErrConcurrentTransactions,
	ErrTransactionCoordinatorFenced,
	ErrTransactionalIDAuthorizationFailed,
	ErrSecurityDisabled,
	ErrOperationNotAttempted,
	ErrKafkaStorageError,
	ErrLogDirNotFound,
	ErrSaslAuthenticationFailed,
	ErrUnknownProducerID,
	ErrReassignmentInProgress,
	ErrDelegationTokenAuthDisabled,
	ErrDelegationTokenNotFound,
	ErrDelegationTokenOwnerMismatch,
	ErrDelegationTokenRequestNotAllowed,
	ErrDelegationTokenAuthorizationFailed,
	ErrDelegationTokenExpired,
	ErrInvalidPrincipalType,
	ErrNonEmptyGroup,
	ErrGroupIDNotFound,
	ErrFetchSessionIDNotFound,
	ErrInvalidFetchSessionEpoch,
	ErrListenerNotFound,
	ErrTopicDeletionDisabled,
	ErrFencedLeaderEpoch,
	ErrUnknownLeaderEpoch,
	ErrUnsupportedCompressionType,
	ErrStaleBrokerEpoch,
	ErrOffsetNotAvailable,
	ErrMemberIDRequired,
	ErrPreferredLeaderNotAvailable,
	ErrGroupMaxSizeReached,
	ErrFencedInstanceID,
	ErrEligibleLeadersNotAvailable,
	ErrElectionNotNeeded,
	ErrNoReassignmentInProgress,
	ErrGroupSubscribedToTopic,
	ErrInvalidRecord,
	ErrUnstableOffsetCommit,
	ErrThrottlingQuotaExceeded,
	ErrProducerFenced,
	ErrResourceNotFound,
	ErrDuplicateResource,
	ErrUnacceptableCredential,
	ErrInconsistentVoterSet,
	ErrInvalidUpdateVersion,
	ErrFeatureUpdateFailed,
	ErrPrincipalDeserializationFailure,
	ErrSnapshotNotFound,
	ErrPositionOutOfRange,
	ErrUnknownTopicID,
	ErrDuplicateBrokerRegistration,
	ErrBrokerIDNotRegistered,
	ErrInconsistentTopicID,
	ErrInconsistentClusterID,
	ErrTransactionalIDNotFound,
	ErrFetchSessionTopicIDError,
	ErrIneligibleReplica,
	ErrNewLeaderElected,
	ErrOffsetMovedToTieredStorage,
	ErrFencedMemberEpoch,
	ErrUnreleasedInstanceID,
	ErrUnsupportedAssignor,
	ErrStaleMemberEpoch,
	ErrMismatchedEndpointType,
	ErrUnsupportedEndpointType,
	ErrUnknownControllerID,
	ErrUnknownSubscriptionID,
	ErrTelemetryTooLarge,
	ErrInvalidRegistration,
	ErrTransactionAbortable,
	ErrInvalidRecordState,
	ErrShareSessionNotFound,
	ErrInvalidShareSessionEpoch,
	ErrFencedStateEpoch,
	ErrInvalidVoterKey,
	ErrDuplicateVoter,
	ErrVoterNotFound,
	ErrInvalidRegularExpression,
	ErrRebootstrapRequired,
	ErrStreamsInvalidTopology,
	ErrStreamsInvalidTopologyEpoch,
	ErrStreamsTopologyFenced,
	ErrShareSessionLimitReached,
	ErrGroupDeletionFailed,
	ErrStreamsTopologyDescriptionUpdateFailed,
	ErrControllerIDNotRegistered,
}
