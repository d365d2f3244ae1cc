// Package toolchain installs, once and into a cache folder outside the repository, what the interoperability suites run with: the jars of
// Apache Kafka, our Java programs compiled against them, a Python environment and a folder of Node modules.
//
// Nouns. The cache is $SAMSA_INTEROP_CACHE, or samsa-interop in the user's cache folder. An installation is one folder in it, named by the
// checksum of the files that pin its contents (pom.xml, requirements.txt, package-lock.json), so that a changed pin is a new folder and an
// unchanged one is never installed twice. The source is the folder test/interop of the checkout.
package toolchain
