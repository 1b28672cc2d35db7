import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Reads the lines of codec_samples, has Kafka's own message classes decode each and encode it again,
 * and wants the same bytes back. Prints one line for each kind, API and version:
 * "ok KIND API vN: COUNT messages" or "not ok ...: why".
 */
final class Reencode {
  private Reencode() {}

  /** What became of the samples of one kind, API and version. */
  private static final class Tally {
    int count;
    String failure;
  }

  /** Null, or what is wrong. */
  private static String complaint(String kind, ApiMessageType type, short version, byte[] sample) {
    ApiMessage message = kind.equals("request") ? type.newRequest() : type.newResponse();
    try {
      ByteBuffer bytes = ByteBuffer.wrap(sample);
      message.read(new ByteBufferAccessor(bytes), version);
      if (bytes.hasRemaining())
        return bytes.remaining() + " bytes left over";
      ObjectSerializationCache cache = new ObjectSerializationCache();
      ByteBuffer again = ByteBuffer.allocate(message.size(cache, version));
      message.write(new ByteBufferAccessor(again), cache, version);
      return Arrays.equals(again.array(), sample)
          ? null
          : "Kafka writes " + HexFormat.of().formatHex(again.array());
    } catch (RuntimeException error) {
      return error.toString();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, Tally> tallies = new TreeMap<>();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split(" ", 5);
      ApiMessageType type = ApiMessageType.fromApiKey(Short.parseShort(words[1]));
      short version = Short.parseShort(words[2]);
      Tally tally = tallies.computeIfAbsent(
          words[0] + " " + type.name + " v" + version, name -> new Tally());
      tally.count++;
      String wrong = complaint(words[0], type, version, HexFormat.of().parseHex(words[4]));
      if (wrong != null && tally.failure == null)
        tally.failure = "seed " + words[3] + ": " + wrong + ", we write " + words[4];
    }
    tallies.forEach((name, tally)
        -> System.out.println(tally.failure == null
                ? "ok " + name + ": " + tally.count + " messages"
                : "not ok " + name + ": " + tally.failure));
  }
}
