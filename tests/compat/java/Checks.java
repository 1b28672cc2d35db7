/**
 * All checks with Java in one JVM: the clients as a library, then Kafka's own command line tools.
 */
final class Checks {
  private Checks() {}

  public static void main(String[] arguments) {
    Suite suite = new Suite();
    ClientChecks.add(suite);
    AdminChecks.add(suite);
    ToolChecks.add(suite);
    suite.run();
    Runtime.getRuntime().halt(0);
  }
}
