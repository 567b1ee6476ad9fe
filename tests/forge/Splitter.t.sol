// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {Share} from "../../contracts/interfaces/ISplitterFactory.sol";
import {RevenueSplitter} from "../../contracts/revenue/RevenueSplitter.sol";
import {SplitterFactory} from "../../contracts/revenue/SplitterFactory.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title SplitterHandler: what can happen to a splitter, each in bounds, none of which may revert.
contract SplitterHandler {
    uint256 private constant PAYEES = 5;

    BlockingToken public immutable token = new BlockingToken();
    RevenueSplitter public immutable splitter;
    address[] public payees;
    uint32[] public shares;
    uint256 public arrived;
    mapping(address payee => uint256) public claimed;

    constructor() {
        Share[] memory table = new Share[](PAYEES);
        for (uint256 i = 0; i < PAYEES; ++i) {
            payees.push(address(uint160(0x1000 + i)));
            shares.push(uint32(i * i * 7 + 1));
            table[i] = Share({payee: payees[i], share: shares[i]});
        }
        splitter = RevenueSplitter(payable(new SplitterFactory().createSplitter(table)));
    }

    function arrive(uint96 amount) external {
        token.mint(address(splitter), amount);
        arrived += amount;
    }

    function distribute() external {
        splitter.distribute(address(token));
    }

    function distributeChunk(uint8 count) external {
        splitter.distributeChunk(address(token), uint256(count % PAYEES) + 1);
    }

    function setBlocked(uint8 index, bool blocked) external {
        token.setBlocked(payees[index % PAYEES], blocked);
    }

    function claim(uint8 index) external {
        address payee = payees[index % PAYEES];
        if (splitter.parkedOf(address(token), payee) == 0) return;
        VM.prank(payee);
        claimed[payee] += splitter.claim(address(token), address(uint160(payee) + 0x1000));
    }

    /// @notice What a payee has had or can claim.
    function hadOf(address payee) public view returns (uint256) {
        return token.balanceOf(payee) + claimed[payee] + splitter.parkedOf(address(token), payee);
    }

    function count() external pure returns (uint256) {
        return PAYEES;
    }
}

/// @title SplitterInvariants: nothing is lost, and nobody has more or less than their share.
contract SplitterInvariants {
    SplitterHandler private _handler;

    function setUp() external {
        _handler = new SplitterHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice What was paid, what is parked and what waits is what arrived.
    function invariant_nothingIsLost() external view {
        address token = address(_handler.token());
        uint256 sum = _handler.token().balanceOf(address(_handler.splitter()));
        for (uint256 i = 0; i < _handler.count(); ++i) {
            address payee = _handler.payees(i);
            sum += _handler.hadOf(payee) - _handler.splitter().parkedOf(token, payee);
        }
        assert(sum == _handler.arrived());
    }

    /// @notice What a payee has had and what is pending is its share of all that arrived, to the unit.
    function invariant_everybodyHasTheirShare() external view {
        address token = address(_handler.token());
        uint256 total;
        for (uint256 i = 0; i < _handler.count(); ++i) total += _handler.shares(i);
        for (uint256 i = 0; i < _handler.count(); ++i) {
            address payee = _handler.payees(i);
            uint256 parked = _handler.splitter().parkedOf(token, payee);
            uint256 has = _handler.hadOf(payee) - parked + _handler.splitter().pending(token, payee);
            assert(has == _handler.arrived() * _handler.shares(i) / total);
        }
    }
}
