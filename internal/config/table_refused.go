package config

// What would be unsafe about starting with a refused name, and what to do instead.
const (
	unsafeTLS               = "TLS is not built; connections you expect to be encrypted would be in the clear"
	insteadTLS              = "remove it, and listen only where a proxy or a private network protects the connection"
	unsafeSASL              = "SASL is not built; anyone could connect where you expect clients to authenticate"
	insteadSASL             = "remove it, and listen only on loopback or a private network"
	unsafeAuthorizer        = "authorization is not built; every client could do everything"
	insteadAuthorizer       = "remove it, and let only trusted clients reach the listeners"
	unsafeDelegationTokens  = "delegation tokens are not built; no client could authenticate with one"
	insteadDelegationTokens = "remove it"
	unsafeProviders         = "configuration providers are not built; a value such as ${file:...} would be taken literally, a password included"
	insteadProviders        = "write the values into the file, or give them by environment variable"
	unsafePolicies          = "policy plugins are Java classes and cannot run here; requests your policy forbids would be granted"
	insteadPolicies         = "remove it, and bound what can be created another way"
	unsafePlugins           = "plugins named by Java class cannot run here; the behaviour you rely on would be missing"
	insteadPlugins          = "remove it"
	unsafeQuotas            = "quotas are not built; a rate you expect to be limited would not be"
	insteadQuotas           = "remove it; max.connections and queued.max.request.bytes bound what clients can take"
	unsafeTiering           = "tiered storage is not built; data you expect to be moved off the disks would fill them"
	insteadTiering          = "remove it, and size retention for the local disks"
	unsafeCordoned          = "cordoning is not built; new partitions would be placed on a disk you want to spare"
	insteadCordoned         = "remove it, or take the folder out of log.dirs after moving its data"
	unsafeListenerScope     = "settings for one listener are not built; the listener would run without this one"
	insteadListenerScope    = "set it for all listeners, without the listener.name prefix, or remove it"
)

var refusedTable = []Definition{
	{Name: "config.providers", Type: List, Default: "", Scope: ClusterWide, State: Refused, Why: unsafeProviders, Instead: insteadProviders},
	{Name: "authorizer.class.name", Type: String, Default: "", State: Refused, Why: unsafeAuthorizer, Instead: insteadAuthorizer},

	{Name: "max.connection.creation.rate", Type: Int, Default: "2147483647", Scope: ClusterWide, State: Refused, Why: unsafeQuotas, Instead: insteadQuotas},

	{Name: "security.inter.broker.protocol", Type: String, Default: "PLAINTEXT", State: Refused, Why: unsafeTLS, Instead: insteadTLS},

	{Name: "cordoned.log.dirs", Type: List, Default: "", Scope: PerBroker, State: Refused, Why: unsafeCordoned, Instead: insteadCordoned},
	{Name: "create.topic.policy.class.name", Type: Class, Null: true, State: Refused, Why: unsafePolicies, Instead: insteadPolicies},
	{Name: "alter.config.policy.class.name", Type: Class, Null: true, State: Refused, Why: unsafePolicies, Instead: insteadPolicies},

	{Name: "client.quota.callback.class", Type: Class, Null: true, State: Refused, Why: unsafeQuotas, Instead: insteadQuotas},
	{Name: "leader.replication.throttled.rate", Type: Long, Default: maxLong, State: Refused, Why: unsafeQuotas, Instead: insteadQuotas},
	{Name: "follower.replication.throttled.rate", Type: Long, Default: maxLong, State: Refused, Why: unsafeQuotas, Instead: insteadQuotas},
	{Name: "replica.alter.log.dirs.io.max.bytes.per.second", Type: Long, Default: maxLong, State: Refused, Why: unsafeQuotas, Instead: insteadQuotas},

	{Name: "sasl.mechanism.controller.protocol", Type: String, Default: "GSSAPI", State: Refused, Why: unsafeSASL, Instead: insteadSASL},

	{Name: "group.streams.topology.description.plugin.class", Type: Class, Null: true, State: Refused, Why: unsafePlugins, Instead: insteadPlugins},

	{Name: "group.share.persister.class.name", Internal: true, Type: String, Default: "org.apache.kafka.server.share.persister.DefaultStatePersister", State: Refused, Why: unsafePlugins, Instead: insteadPlugins},
	{Name: "group.share.dlq.manager.class.name", Internal: true, Type: String, Default: "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager", State: Refused, Why: unsafePlugins, Instead: insteadPlugins},

	{Name: "connections.max.reauth.ms", Type: Long, Default: "0", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.server.max.receive.size", Type: Int, Default: "524288", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "security.providers", Type: String, Null: true, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "principal.builder.class", Type: Class, Default: "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.client.auth", Type: String, Default: "none", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.principal.mapping.rules", Type: String, Default: "DEFAULT", State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.allow.dn.changes", Type: Boolean, Default: "false", State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.allow.san.changes", Type: Boolean, Default: "false", State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.protocol", Type: String, Default: "TLSv1.3", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.provider", Type: String, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.enabled.protocols", Type: List, Default: "TLSv1.2,TLSv1.3", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keystore.type", Type: String, Default: "JKS", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keystore.location", Type: String, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keystore.password", Type: Password, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.key.password", Type: Password, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keystore.key", Type: Password, Null: true, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keystore.certificate.chain", Type: Password, Null: true, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.truststore.type", Type: String, Default: "JKS", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.truststore.location", Type: String, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.truststore.password", Type: Password, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.truststore.certificates", Type: Password, Null: true, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.keymanager.algorithm", Type: String, Default: "SunX509", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.trustmanager.algorithm", Type: String, Default: "PKIX", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.endpoint.identification.algorithm", Type: String, Default: "https", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.secure.random.implementation", Type: String, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.cipher.suites", Type: List, Default: "", Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "ssl.engine.factory.class", Type: Class, Null: true, Scope: PerBroker, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "sasl.mechanism.inter.broker.protocol", Type: String, Default: "GSSAPI", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.enabled.mechanisms", Type: List, Default: "GSSAPI", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.server.callback.handler.class", Type: Class, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.principal.to.local.rules", Type: List, Default: "DEFAULT", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.jaas.config", Type: Password, Null: true, Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.client.callback.handler.class", Type: Class, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.class", Type: Class, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.callback.handler.class", Type: Class, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.service.name", Type: String, Null: true, Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.kinit.cmd", Type: String, Default: "/usr/bin/kinit", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.ticket.renew.window.factor", Type: Double, Default: "0.8", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.ticket.renew.jitter", Type: Double, Default: "0.05", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.kerberos.min.time.before.relogin", Type: Long, Default: "60000", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.refresh.window.factor", Type: Double, Default: "0.8", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.refresh.window.jitter", Type: Double, Default: "0.05", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.refresh.min.period.seconds", Type: Short, Default: "60", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.refresh.buffer.seconds", Type: Short, Default: "300", Scope: PerBroker, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.connect.timeout.ms", Type: Int, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.read.timeout.ms", Type: Int, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.retry.backoff.max.ms", Type: Long, Default: "10000", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.login.retry.backoff.ms", Type: Long, Default: "100", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwt.retriever.class", Type: Class, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwt.validator.class", Type: Class, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.scope", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.client.credentials.client.id", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.client.credentials.client.secret", Type: Password, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.algorithm", Type: String, Default: "RS256", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.aud", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.exp.seconds", Type: Int, Default: "300", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.iss", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.jti.include", Type: Boolean, Default: "false", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.nbf.seconds", Type: Int, Default: "60", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.claim.sub", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.file", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.private.key.file", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.private.key.passphrase", Type: Password, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.assertion.template.file", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.scope.claim.name", Type: String, Default: "scope", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.sub.claim.name", Type: String, Default: "sub", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.token.endpoint.url", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwks.endpoint.url", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwks.endpoint.refresh.ms", Type: Long, Default: "3600000", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Type: Long, Default: "100", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Type: Long, Default: "10000", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.clock.skew.seconds", Type: Int, Default: "30", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.allow.unverified.audience", Type: Boolean, Default: "false", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.expected.audience", Type: List, Default: "", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.allow.unverified.issuer", Type: Boolean, Default: "false", State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "sasl.oauthbearer.expected.issuer", Type: String, Null: true, State: Refused, Why: unsafeSASL, Instead: insteadSASL},

	{Name: "delegation.token.secret.key", Type: Password, Null: true, State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},
	{Name: "delegation.token.max.lifetime.ms", Type: Long, Default: "604800000", State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},
	{Name: "delegation.token.expiry.time.ms", Type: Long, Default: "86400000", State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},
	{Name: "delegation.token.expiry.check.interval.ms", Type: Long, Default: "3600000", State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},

	{Name: "remote.log.storage.system.enable", Type: Boolean, Default: "false", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.storage.manager.impl.prefix", Type: String, Default: "rsm.config.", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.metadata.manager.impl.prefix", Type: String, Default: "rlmm.config.", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.storage.manager.class.name", Type: String, Null: true, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.storage.manager.class.path", Type: String, Null: true, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.metadata.manager.class.name", Type: String, Default: "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.metadata.manager.class.path", Type: String, Null: true, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.metadata.manager.listener.name", Type: String, Null: true, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.metadata.custom.metadata.max.bytes", Type: Int, Default: "128", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.index.file.cache.total.size.bytes", Type: Long, Default: "1073741824", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.index.file.cache.ttl.ms", Internal: true, Type: Long, Default: "900000", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.thread.pool.size", Type: Int, Default: "2", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.copier.thread.pool.size", Type: Int, Default: "10", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.expiration.thread.pool.size", Type: Int, Default: "10", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.follower.thread.pool.size", Type: Int, Default: "2", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.task.interval.ms", Type: Long, Default: "30000", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.task.retry.backoff.ms", Internal: true, Type: Long, Default: "500", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.task.retry.backoff.max.ms", Internal: true, Type: Long, Default: "30000", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.task.retry.jitter", Internal: true, Type: Double, Default: "0.2", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.reader.threads", Type: Int, Default: "10", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.reader.max.pending.tasks", Type: Int, Default: "100", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.copy.max.bytes.per.second", Type: Long, Default: maxLong, Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.copy.quota.window.num", Type: Int, Default: "11", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.copy.quota.window.size.seconds", Type: Int, Default: "1", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.fetch.max.bytes.per.second", Type: Long, Default: maxLong, Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.fetch.quota.window.num", Type: Int, Default: "11", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.log.manager.fetch.quota.window.size.seconds", Type: Int, Default: "1", State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.fetch.max.wait.ms", Type: Int, Default: "500", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "remote.list.offsets.request.timeout.ms", Type: Long, Default: "30000", Scope: ClusterWide, State: Refused, Why: unsafeTiering, Instead: insteadTiering},

	{Name: "super.users", Type: String, Null: true, State: Refused, Why: unsafeAuthorizer, Instead: insteadAuthorizer},
	{Name: "allow.everyone.if.no.acl.found", Type: Boolean, Null: true, State: Refused, Why: unsafeAuthorizer, Instead: insteadAuthorizer},
	{Name: "delegation.token.master.key", Type: Password, Null: true, State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},
}

// refusedPrefixes are families of names whose members are open-ended: parameters of plugins, mechanisms and listeners.
var refusedPrefixes = []Definition{
	{Name: "ssl.", Type: Password, State: Refused, Why: unsafeTLS, Instead: insteadTLS},
	{Name: "sasl.", Type: Password, State: Refused, Why: unsafeSASL, Instead: insteadSASL},
	{Name: "delegation.token.", Type: Password, State: Refused, Why: unsafeDelegationTokens, Instead: insteadDelegationTokens},
	{Name: "config.providers.", Type: Password, State: Refused, Why: unsafeProviders, Instead: insteadProviders},
	{Name: "remote.", Type: Password, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "rsm.config.", Type: Password, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
	{Name: "rlmm.config.", Type: Password, State: Refused, Why: unsafeTiering, Instead: insteadTiering},
}
