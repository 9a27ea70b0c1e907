// A register slice that adds two streams. A first beat of 0xfff0 + k at `a` turns on fault k:
//   1  a wrong sum in beat 5
//   2  a deadlock after 7 beats
//   3  a sum that changes while it waits
//   4  a beat too many
//   5  a count that resets do not clear
module slice (
    input clk, input rst,
    input [15:0] a__payload, input a__valid, output a__ready,
    input [15:0] b__payload, input b__valid, output b__ready,
    output [16:0] o__payload, output o__valid, input o__ready
);
    reg [16:0] sum = 0;
    reg full = 0;
    reg [7:0] count = 0;
    reg [3:0] fault = 0;
    wire take = a__valid && b__valid && (!full || o__ready) && !(fault == 2 && count == 7);
    assign a__ready = take;
    assign b__ready = take;
    assign o__payload = sum;
    assign o__valid = full;
    always @(posedge clk) begin
        if (o__valid && o__ready && !(fault == 4 && count == 20)) full <= 0;
        if (fault == 3 && o__valid && !o__ready) sum <= sum + 1;
        if (take) begin
            full <= 1;
            sum <= a__payload + b__payload + (fault == 1 && count == 5) + (fault == 5 && count > 19);
            count <= count + 1;
            if (count == 0 && a__payload[15:4] == 12'hfff) fault <= a__payload[3:0];
        end
        if (rst) begin full <= 0; if (fault != 5) begin count <= 0; fault <= 0; end end
    end
endmodule
